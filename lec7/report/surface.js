function turn(figure) {
  const scenes = JSON.parse(figure.querySelector("script").textContent);
  const row = figure.querySelector(".stages");
  const stages = scenes.map(() => row.appendChild(document.createElement("div")));
  let leader = null;
  stages.forEach((stage, place) => {
    const {title, trace, axes} = scenes[place];
    const layout = {
      title: {...title, y: 0.95}, scene: axes, font: {size: 12},
      margin: {l: 0, r: 0, t: 40, b: 0}, paper_bgcolor: "white",
    };
    const config = {displayModeBar: false, responsive: true, scrollZoom: false};
    Plotly.newPlot(stage, [trace], layout, config);
    stage.addEventListener("pointerenter", () => { leader = stage; });
    for (const event of ["plotly_relayouting", "plotly_relayout"])
      stage.on(event, ({"scene.camera": camera}) => {
        if (camera && stage === leader)
          for (const other of stages)
            if (other !== stage) Plotly.relayout(other, {"scene.camera": camera});
      });
  });
}
if (document.createElement("canvas").getContext("webgl"))
  for (const figure of document.querySelectorAll(".surface")) {
    figure.classList.add("turning");
    turn(figure);
  }
